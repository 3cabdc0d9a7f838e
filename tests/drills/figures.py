"""What drills found, told at the end of the run."""

FIGURES: list[str] = []
