"""Dask clusters made of the environment's own processes."""

from bindery.clusters.metrics import ClusterMetrics, MemorySample, TaskSpan

__all__ = ["ClusterMetrics", "MemorySample", "TaskSpan"]
