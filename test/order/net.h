/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of loopback. */
#ifndef ORDER_NET_H
#define ORDER_NET_H
#include <stdbool.h>
#include <stdint.h>

/* A connected socket; -1, with an error counted, when there is none within `patience` seconds. */
int net_dial(uint16_t port, bool ipv6, uint32_t patience);

/* A listening socket; without it the program ends. */
int net_listen(uint16_t port, bool ipv6);

/* Non-blocking where the driver asks for it, and mostly with TCP_NODELAY. */
struct side;
void net_prepare(struct side *s);

void net_pause(long ms);

#endif
