"""What `compare_decoders.py` compares: decoders, their pictures, and the page that shows them."""
