"""torchvision's detection heads on our feature pyramid."""
