"""Dask clusters made of the environment's own processes."""

from bindery.clusters.address import AddressCluster, connect_cluster
from bindery.clusters.cluster import Cluster
from bindery.clusters.gateway import GatewayCluster, GatewayWorkers, begin_gateway_cluster
from bindery.clusters.jobs import JobCluster, JobWorkers, begin_job_cluster
from bindery.clusters.local import ClusterSize, LocalCluster, begin_cluster, start_cluster
from bindery.clusters.metrics import ClusterMetrics, MemorySample, TaskSpan
from bindery.clusters.running import StartingCluster
from bindery.clusters.shims import write_shims

__all__ = [
    "AddressCluster",
    "Cluster",
    "ClusterMetrics",
    "ClusterSize",
    "GatewayCluster",
    "GatewayWorkers",
    "JobCluster",
    "JobWorkers",
    "LocalCluster",
    "MemorySample",
    "StartingCluster",
    "TaskSpan",
    "begin_cluster",
    "begin_gateway_cluster",
    "begin_job_cluster",
    "connect_cluster",
    "start_cluster",
    "write_shims",
]
