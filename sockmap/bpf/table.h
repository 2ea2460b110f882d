/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Tables of one size, and what runs them: included once for each size, with N and TABLE_BYTES. The inner maps of one outer
 * map have one value size, and a constant size makes a mask that the verifier understands. */
#define PASTE_(a, b) a##_##b
#define PASTE(a, b) PASTE_(a, b)
#define NAME(a) PASTE(a, N)

struct NAME(inner) { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __uint(value_size, TABLE_BYTES); };
struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, SIZE_SLOTS); __type(key, __u32); __array(values, struct NAME(inner)); } NAME(tables) SEC(".maps");

/* Reads further digits of the body's length, which would take a step each. */
static __always_inline void NAME(digits)(struct run *run)
{
	__u8 *table = run->table, *p = run->data, *end = run->end;
	__u64 at = run->at, length = run->length;
	__u32 row = run->row, next;
	__u64 action;
	if (at >= JUDGE_HEAD)
		return;
	bound(at, JUDGE_HEAD - 1);
	p += at;
	for (int i = 0; i < JUDGE_DIGITS; i++) {
		if (p + 1 > end)
			break;
		next = *(__u32 *)(table + ((row + *(__u16 *)(table + TABLE_CLASSES + 2 * *p)) & (TABLE_BYTES - 4)));
		action = next + ACTION_BITS;
		keep(action);
		if (next >= run->action_end || action > TABLE_BYTES - ACTION_SIZE || table[action + 8] != ACTION_KIND_DIGIT)
			break;
		row = next;
		length = length * 10 + (*p++ - '0');
		at++;
	}
	run->row = row;
	run->at = at;
	run->length = length;
}

/* Reads bytes until an action or a chunk of them is through; returns 1 when the run has ended. A message that is shorter
 * than its head ends with `done` unset. */
static long NAME(run)(__u32 step, struct run *run)
{
	__u8 *table = run->table, *p = run->data, *end = run->end, byte;
	__u32 row = run->row, action_end = run->action_end;
	__u64 at = run->at, action, bits;
	(void)step;
	if (at >= JUDGE_HEAD)
		return 1; /* longer than the kernel judges */
	bound(at, JUDGE_HEAD - 1);
	p += at;
	for (int i = 0; i < JUDGE_CHUNK; i++) {
		if (p + 1 > end)
			return 1;
		byte = *p++;
		at++;
		row = *(__u32 *)(table + ((row + *(__u16 *)(table + TABLE_CLASSES + 2 * byte)) & (TABLE_BYTES - 4)));
		if (row < action_end)
			goto act;
	}
	run->row = row;
	run->at = at;
	return 0;
act:
	run->row = row;
	run->at = at;
	action = row + ACTION_BITS;
	keep(action);
	if (action > TABLE_BYTES - ACTION_SIZE)
		return 1; /* no table that we compile */
	table += action;
	keep(table);
	bits = *(__u64 *)table;
	switch (table[8]) {
	case ACTION_KIND_DIGIT:
		run->length = run->length * 10 + (byte - '0');
		NAME(digits)(run);
		return 0;
	case ACTION_KIND_FIELD:
		if (bits & run->got & ONCE_BITS)
			return 1; /* a second Host or Content-Length */
		run->got |= bits;
		return 0;
	case ACTION_KIND_TARGET:
		run->expect = table[9];
		run->list = *(__u32 *)(table + 12);
		return 0;
	case ACTION_KIND_SKIP:
		run->at = skip(run, at, *(__u32 *)(run->table + TABLE_LINE));
		return 0;
	case ACTION_KIND_END:
		run->done = !(bits & ~run->got) && (run->got & TWO_LENGTHS) != TWO_LENGTHS; /* else there is no Host, or a doubt */
		return 1;
	default:
		run->outcome = *(__u32 *)(table + 12); /* the automaton has said why */
		return 1;
	}
}

/* Finds the first rule all of whose conditions are met. */
static __always_inline int NAME(allowed)(struct run *run)
{
	__u64 at = run->list;
	__u8 *requirement;
	__u32 series;
	for (int i = 0; i < TABLE_MOST_REQUIREMENTS; i++, at += REQUIREMENT_SIZE) {
		keep(at);
		if (!at || at > TABLE_BYTES - REQUIREMENT_SIZE)
			return 0; /* no rule for this method and path */
		requirement = run->table + at;
		keep(requirement);
		if (!(*(__u64 *)requirement & ~run->got)) {
			series = *(__u32 *)(run->table + TABLE_SERIES);
			run->rule = series ? series + *(__u32 *)(requirement + REQUIREMENT_RULE) : 0;
			return 1;
		}
		if (*(__u32 *)(requirement + REQUIREMENT_LAST))
			return 0;
	}
	return 0;
}

/* Runs over a first line of so many bytes, behind which the fields of the memory follow. 1: they say the rest. */
static __noinline int NAME(first_line)(struct run *run, struct memory *memory, __u64 bytes)
{
	__u8 *table = run->table, *p = run->data, *end = run->end;
	__u32 row, action_end = run->action_end;
	__u64 at, left;
	bpf_loop(1, NAME(run), run, 0); /* up to its target, as a rule */
	at = run->at;
	left = bytes - at;
	row = run->row;
	if (run->outcome || run->got || at > bytes || at >= JUDGE_HEAD || memory->steps + JUDGE_FIRST_STEPS > judge_steps())
		return 0;
	bound(at, JUDGE_HEAD - 1);
	p += at;
	for (__u64 i = 0; i < JUDGE_FIRST && left - i; i++) {
		if (p + 1 > end)
			return 0;
		row = *(__u32 *)(table + ((row + *(__u16 *)(table + TABLE_CLASSES + 2 * *p++)) & (TABLE_BYTES - 4)));
		if (row < action_end)
			return 0; /* another line, which may say what the memory's say too; or it is refused */
	}
	if (left > JUDGE_FIRST || row != *(__u32 *)(table + TABLE_LINE))
		return 0;
	memory->misses = 0;
	run->at = bytes + memory->fields;
	run->got = memory->got;
	run->length = memory->length;
	return 1;
}

static __always_inline __u8 *NAME(table)(__u32 index)
{
	__u32 zero = 0;
	void *inner = bpf_map_lookup_elem(&NAME(tables), &index);
	return inner ? bpf_map_lookup_elem(inner, &zero) : 0;
}

/* 1: the memory says all of a message that repeats it, with this table. `known`: what `repeats` says. */
static __noinline int NAME(recall)(struct run *run, __u32 index, struct memory *memory, __u64 known)
{
	__u8 *table = NAME(table)(index);
	if (!table || memory->serial != *(__u32 *)(table + TABLE_SERIAL))
		return 0;
	if (known != REPEATS_WHOLE) {
		run->table = table;
		run->row = *(__u32 *)(table + TABLE_START);
		run->action_end = *(__u32 *)(table + TABLE_ACTIONEND);
		return NAME(first_line)(run, memory, known) && NAME(allowed)(run);
	}
	run->at = memory->at;
	run->got = memory->got;
	run->length = memory->length;
	run->expect = memory->expect;
	run->rule = memory->rule;
	memory->misses = 0;
	return 1;
}

/* `judge`: 1 when the message is a request that needs a rule. */
static __noinline int NAME(read)(struct run *run, __u32 index, __u32 judge)
{
	__u8 *table = NAME(table)(index);
	if (!table)
		return OUTCOME_SLOW_NO_SLOT; /* not loaded (yet) */
	run->table = table;
	run->row = *(__u32 *)(table + TABLE_START);
	run->action_end = *(__u32 *)(table + TABLE_ACTIONEND);
	run->serial = *(__u32 *)(table + TABLE_SERIAL);
	run->steps = bpf_loop(judge_steps(), NAME(run), run, 0);
	if (run->outcome)
		return run->outcome;
	if (!run->done)
		return OUTCOME_SLOW_NOT_CANONICAL; /* only part of a head, or a longer one than the kernel judges, or a field twice */
	if (judge && !NAME(allowed)(run))
		return OUTCOME_SLOW_NOT_ALLOWED; /* TypeScript judges again, and answers */
	return OUTCOME_ALLOWED;
}
#undef NAME
#undef PASTE
#undef PASTE_
