"""autotl finds the best transfer-learning strategy for object detection on your own dataset."""

__version__ = "0.1.0"
