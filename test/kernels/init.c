/* SPDX-License-Identifier: Apache-2.0 */
/* Process 1 of a guest: mounts what the engine needs, runs one command, and turns the machine off. */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static void mount_at(const char *type, const char *where)
{
	mkdir(where, 0755);
	if (mount(type, where, type, 0, NULL) < 0)
		perror(where);
}

static void loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		perror("lo");
	close(fd);
}

/* Orphans of the command are waited for too. */
static int run(char **command)
{
	pid_t child = fork(), ended;
	int status = 0;

	if (!child) {
		setsid();
		execv(command[0], command);
		perror(command[0]);
		_exit(127);
	}
	while ((ended = wait(&status)) > 0 && ended != child)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(void)
{
	char *command[] = { "/bin/node", "--no-warnings", "dist/test/kernels/guest.js", NULL };
	struct rlimit files = { 65536, 65536 };

	mount_at("proc", "/proc");
	mount_at("sysfs", "/sys");
	mount_at("devtmpfs", "/dev");
	mount_at("cgroup2", "/sys/fs/cgroup");
	mount_at("bpf", "/sys/fs/bpf");
	mount_at("tmpfs", "/tmp");
	mount_at("tmpfs", "/run");
	loopback_up();
	setenv("TEST_PATIENCE", "300", 1);
	setrlimit(RLIMIT_NOFILE, &files);
	if (chdir("/sockmesh") < 0)
		perror("/sockmesh");
	printf("\nguest ended: %d\n", run(command));
	fflush(stdout);
	tcdrain(1);
	return reboot(RB_POWER_OFF);
}
