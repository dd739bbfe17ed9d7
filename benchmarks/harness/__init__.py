"""What the scenarios measure with: processes, pictures, bridges, load, a slow network, tables."""
