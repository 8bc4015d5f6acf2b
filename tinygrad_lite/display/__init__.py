"""What a person sees of a graph: its derivation in text and LaTeX, its picture, the page that plays it."""
