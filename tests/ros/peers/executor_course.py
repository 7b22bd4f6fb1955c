"""Course for the wire's executor: services that wait, fewer threads than services, topics beside.

Prints as JSON how often callbacks were handed to threads, and which thread heard the topic.
"""

import json
import threading

import rclpy
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import String
from std_srvs.srv import Trigger

from aegis.ros.wire.executor import WireExecutor

SERVICES, MESSAGES = 3, 20

rclpy.init()
node, caller = rclpy.create_node("served"), rclpy.create_node("caller")
go, heard, answered = threading.Event(), [], []


def await_go(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
    """Waits until it is told to go on."""
    go.wait(60)
    response.success = True
    return response


def note_message(message: String) -> None:
    """Notes in which thread a message was heard."""
    heard.append(threading.current_thread().name)


for i in range(SERVICES):
    node.create_service(
        Trigger, f"wait_{i}", await_go, callback_group=MutuallyExclusiveCallbackGroup()
    )
node.create_subscription(String, "note", note_message, 50)
executor = WireExecutor(1)
executor.add_node(node)
handed, submit = [], executor._pool.submit
executor._pool.submit = lambda job: (handed.append(job), submit(job))[1]


def spin_executor() -> None:
    """Spins until all is over."""
    while not over.is_set():
        executor.spin_once(0.05)


over = threading.Event()
spinner = threading.Thread(target=spin_executor, name="spinner")
spinner.start()
clients = [caller.create_client(Trigger, f"wait_{i}") for i in range(SERVICES)]
publisher = caller.create_publisher(String, "note", 50)
for client in clients:
    assert client.wait_for_service(60)
futures = [client.call_async(Trigger.Request()) for client in clients]
calling = SingleThreadedExecutor()
calling.add_node(caller)
while len(handed) < SERVICES or len(heard) < MESSAGES:
    publisher.publish(String(data="x"))
    calling.spin_once(0.02)
go.set()
while not all(future.done() for future in futures):
    calling.spin_once(0.02)
over.set()
spinner.join()
print(
    json.dumps(
        {
            "handed": len(handed),
            "distinct": len(set(map(id, handed))),
            "threads": sorted(set(heard)),
            "granted": [f.result().success for f in futures],
        }
    )
)
executor.shutdown()
caller.destroy_node()
node.destroy_node()
rclpy.shutdown()
