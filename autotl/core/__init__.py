"""What every layer shares: errors, box geometry and the structures that cross layer boundaries."""
