/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Tables of one size, and what runs them: included once for each size, with N and TABLE_BYTES. The inner maps of one outer
 * map have one value size, and a constant size makes a mask that the verifier understands. */
#define PASTE_(a, b) a##_##b
#define PASTE(a, b) PASTE_(a, b)
#define NAME(a) PASTE(a, N)

struct NAME(inner) { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __uint(value_size, TABLE_BYTES); };
struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, SIZE_SLOTS); __type(key, __u32); __array(values, struct NAME(inner)); } NAME(tables) SEC(".maps");

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
/* `judge`: 1 when the message is a request that needs a rule. */
static __noinline int NAME(read)(struct run *run, __u32 index, __u32 judge)
{
	__u32 zero = 0;
	void *inner = bpf_map_lookup_elem(&NAME(tables), &index);
	__u8 *table = inner ? bpf_map_lookup_elem(inner, &zero) : 0;
	if (!table)
		return OUTCOME_SLOW_NO_SLOT; /* not loaded (yet) */
	run->table = table;
	run->row = *(__u32 *)(table + TABLE_START);
	run->action_end = *(__u32 *)(table + TABLE_ACTIONEND);
	bpf_loop(cfg.lines < JUDGE_STEPS ? cfg.lines : JUDGE_STEPS, NAME(run), run, 0);
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
