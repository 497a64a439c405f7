"""How good a detector is: COCO metrics."""
