"""Image files -> rows of grey pixels.

Paths come in; out go rasters (uint8), rows (float32 in [0, 1]) or the reason why a file cannot be
read. Nothing else in skcomic opens an image.
"""
