"""What a strategy is, which strategies exist, and how one is drawn. Importing it loads no torch."""
