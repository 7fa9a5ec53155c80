"""Measuring: feature extractors, word vectors, EDAN, training, scoring and the benchmark."""
