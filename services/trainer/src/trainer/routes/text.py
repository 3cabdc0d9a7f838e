"""Text that a client sends and a database keeps."""

WITHOUT_NUL = r"^[^\x00]*$"
"""A pattern: PostgreSQL keeps any character but this one."""
