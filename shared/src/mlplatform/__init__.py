"""What every service of the platform shares. Imported, never run."""
