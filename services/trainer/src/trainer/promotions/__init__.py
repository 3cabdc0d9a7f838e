"""Who serves: promotions, rollbacks, and the history that nobody can rewrite unnoticed."""
