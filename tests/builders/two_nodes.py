"""A Ray cluster of two nodes with one CPU each on this computer; a line on stdin kills the second.

Prints the cluster's address when both are there. A program of its own, because a test process should not hold a Ray.
"""

import sys

from ray.cluster_utils import Cluster

if __name__ == "__main__":
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    node = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    print(cluster.address, flush=True)
    for order in sys.stdin:
        if order == "kill\n":
            cluster.remove_node(node, allow_graceful=False)
            print("killed", flush=True)
        else:
            cluster.add_node(num_cpus=1)
            print("added", flush=True)
    cluster.shutdown()
