"""What every HTTP service shares: problem details, request ids, API pages, metrics, the server."""
