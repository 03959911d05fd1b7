"""Image files -> rows of grey pixels.

The input is paths; the output is rasters (uint8), rows (float32 in [0, 1]) or the reason why a
file cannot be read. No other room of skcomic opens image files.
"""
