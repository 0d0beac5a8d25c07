#!/bin/sh
gcc -o pubsub_server pubsub_server.c -pthread
gcc -o pubsub_client pubsub_client.c
