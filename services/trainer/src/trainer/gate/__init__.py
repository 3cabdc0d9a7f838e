"""The gate: no version serves without having earned it."""
