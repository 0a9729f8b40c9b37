"""The predicates of the table of causes, a module a subject; each says which numbers of the failure taxonomy it tells.

A predicate answers one sentence of evidence made from the node's own paths and dates, None where its cause does not
hold, or UNSEEN where that cannot be told. Numbers are those of docs/causes.md; [lab] there and here is what was seen
with real kubelets, [src] what stands in Kubernetes' source.
"""
