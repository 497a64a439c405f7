"""A trained detector that leaves the study."""
