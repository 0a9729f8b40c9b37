"""The nouns: frozen values that travel from stage to stage."""
