"""Models that help annotators: captioners and language models. What they say is a suggestion, never an answer."""
