"""Tables and migrations of the trainer's database."""
