/* The client's half of RFC 6455 for tests: writes masked frames, and writes down the events that a
 * parser answers with. */
#ifndef TEST_CLIENT_H
#define TEST_CLIENT_H

#include "ws/frame.h"
#include "ws/parser.h"

/* One masked frame with the shortest length. */
void client_frame(struct buf *stream, unsigned opcode, bool fin, const uint8_t mask[4],
                  struct str payload);

/* Feeds `bytes` as one piece and appends a line for each event, such as "text hello", "close 1000
 * bye" or "fail 1002". The parser gets its own exact copy, which dies with the call. */
void client_feed(struct ws_parser *parser, struct str bytes, struct buf *events);

/* The same for the whole of it in pieces of `step` bytes. */
void client_feed_steps(struct ws_parser *parser, struct str bytes, size_t step, struct buf *events);

#endif
