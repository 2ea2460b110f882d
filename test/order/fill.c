/* SPDX-License-Identifier: Apache-2.0 */
/* Makes what is sent next, cut in random ways, and wrongly where that is asked for. */
#include "side.h"
#include <stdlib.h>

static enum fault fault;
static atomic_uint fault_every, until_fault;

void side_fault(const char *name, uint32_t every)
{
	static const char *const NAMES[] = { "none", "drop", "double", "swap", "corrupt", "short" };

	for (uint32_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++)
		if (strcmp(name, NAMES[i]) == 0) {
			fault = i;
			fault_every = until_fault = every;
			return;
		}
	fprintf(stderr, "order: there is no fault %s\n", name);
	exit(2);
}

/* True for a message that the fault befalls. */
static bool fault_now(void)
{
	if (fault == FAULT_NONE || atomic_fetch_sub(&until_fault, 1) != 1)
		return false;
	until_fault = fault_every;
	return true;
}

static struct message *copy_of(const struct message *m)
{
	struct message *copy = malloc(sizeof(*copy));

	if (!copy)
		abort();
	memcpy(copy, m, sizeof(*copy));
	copy->text = copy->head;
	return copy;
}

/* `out` was just begun: does wrong what is to be done wrong with whole messages. Returns false when it is left out. */
static bool begin_wrongly(struct side *s)
{
	switch (fault) {
	case FAULT_DROP: return false;
	case FAULT_DOUBLE: s->kept = copy_of(&s->out); return true;
	case FAULT_SWAP:
		s->kept = copy_of(&s->out);
		if (s->role->begin(s))
			return true;
		free(s->kept); /* there is no other yet: with the next one */
		s->kept = NULL;
		until_fault = 1;
		return true;
	default: return true;
	}
}

/* A piece was just made: does wrong what is to be done wrong with bytes. */
static void spoil(struct side *s)
{
	if (fault == FAULT_CORRUPT)
		s->piece[s->piece_at] ^= 1;
	else
		s->piece_end--;
}

static bool begin(struct side *s)
{
	if (s->kept) {
		memcpy(&s->out, s->kept, sizeof(s->out));
		s->out.text = s->out.head;
		free(s->kept);
		s->kept = NULL;
	} else if (!s->role->begin(s))
		return false;
	else if (fault != FAULT_CORRUPT && fault != FAULT_SHORT && fault_now() && !begin_wrongly(s))
		return false;
	s->sending = true;
	s->cut = rnd_below(&s->cuts, 10);
	if (s->cut > CUT_ACROSS)
		s->cut = CUT_BEHIND;
	s->cut_most = (uint32_t[]){ 3, 60, 1000, 30000 }[rnd_below(&s->cuts, 4)];
	if (s->cut_most < s->out.left / 40)
		s->cut_most = s->out.left / 40;
	if (s->cut_left == 0)
		s->cut_left = rnd_range(&s->cuts, 1, s->cut_most);
	return true;
}

bool side_fill(struct side *s)
{
	if (atomic_load(&s->unsendable))
		return false;
	if (s->piece_at < s->piece_end)
		return true;
	s->piece_at = s->piece_end = 0;
	while (s->piece_end < s->piece_most) {
		size_t most = s->piece_most - s->piece_end, made;
		bool anywhere = s->cut == CUT_ANYWHERE || s->cut == CUT_ACROSS;

		if (!s->sending) {
			if (!begin(s))
				break;
			continue;
		}
		if (s->out.head_done && !s->role->body_may_follow(s))
			break;
		if (anywhere && s->cut_left < most)
			most = s->cut_left;
		made = message_make(&s->out, s->piece + s->piece_end, most);
		s->piece_end += made;
		s->cut_left = made < s->cut_left ? s->cut_left - (uint32_t)made : 0;
		s->sending = !message_done(&s->out);
		if (anywhere && s->cut_left == 0) {
			s->cut_left = rnd_range(&s->cuts, 1, s->cut_most);
			break;
		}
		if (!s->sending && s->cut != CUT_NOT_BEHIND && s->cut != CUT_ACROSS)
			break;
		if (s->sending && s->cut == CUT_HEAD && s->out.head_done && s->out.made == 0)
			break;
	}
	if (s->piece_end > 0 && (fault == FAULT_CORRUPT || fault == FAULT_SHORT) && fault_now())
		spoil(s);
	return s->piece_end > 0;
}
