"""From annotation files on disk to checked samples and batches."""
