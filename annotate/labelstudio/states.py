"""What became of an annotation there, as the catalog has it."""

STORED = "stored"  # a submission
REFUSED = "refused"  # it breaks a rule
MENDED = "mended"  # it broke one, and its author's next one for the task is stored
SURPLUS = "surplus"  # its task had no place left
SKIPPED = "skipped"
