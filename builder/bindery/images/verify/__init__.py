"""An image, file by file, against what it must be."""
