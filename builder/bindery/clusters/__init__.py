"""Dask clusters made of the environment's own processes."""

from bindery.clusters.address import AddressCluster, connect_cluster
from bindery.clusters.cluster import Cluster
from bindery.clusters.local import ClusterSize, LocalCluster, StartingCluster, begin_cluster, start_cluster
from bindery.clusters.metrics import ClusterMetrics, MemorySample, TaskSpan

__all__ = [
    "AddressCluster",
    "Cluster",
    "ClusterMetrics",
    "ClusterSize",
    "LocalCluster",
    "MemorySample",
    "StartingCluster",
    "TaskSpan",
    "begin_cluster",
    "connect_cluster",
    "start_cluster",
]
