/* Who is connected, and since when. Connections that have shown no token are limited by address and
   in all; where one is too many, the one that has waited longest goes, so that strangers can't take
   the place of whoever shows a token. */
#ifndef CONSOLE_CLIENTS_H
#define CONSOLE_CLIENTS_H

#include <microhttpd.h>

#include "console.h"

#define CONSOLE_HEADERS_S 10 /* from connecting (or the last answer) to the end of the headers */
struct console_clients;
/* figures: gets how many are connected, and wrong tokens. NULL: no memory. */
struct console_clients *console_clients_new(struct console_figures *figures);
void console_clients_free(struct console_clients *clients);
/* For MHD_OPTION_NOTIFY_CONNECTION. */
void console_clients_notified(void *clients, struct MHD_Connection *connection, void **context,
                              enum MHD_ConnectionNotificationCode code);
/* It must have got on in so many seconds; below 0: it may stay. */
void console_client_deadline(struct MHD_Connection *connection, int64_t seconds);
/* It has shown the token. */
void console_client_known(struct MHD_Connection *connection);
/* Counts a wrong token; true: there were too many, from this address or in all. */
bool console_clients_wrong_token(struct console_clients *clients,
                                 struct MHD_Connection *connection);
/* Ends those whose time is over. */
void console_clients_end_late(struct console_clients *clients);

#endif
