"""The trainer's HTTP routes, by what they are about."""
