"""The kubelet's own files, picked apart without their secrets: outline, kubeconfig, KubeletConfiguration."""
