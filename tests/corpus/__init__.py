"""Node trees for every way in which a kubelet's certificates go wrong, and what is to be said of each."""
