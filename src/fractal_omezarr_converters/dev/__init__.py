"""What Fractal's manifest tool reads."""
