"""Words between processes that nothing depends on: they only make things happen sooner."""
