"""Model cards: what is known of a version, gathered when it is made and shown to whoever asks."""
