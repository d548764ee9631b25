/* usage - see load.h. */
#include "load.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* The number in this place of a line of numbers; 0 when it is gone, as a thread that has ended. */
static double read_number(const char *path, int place) {
    double value = 0;
    FILE *f = fopen(path, "r");
    for (int i = 0; f && i <= place; i++)
        if (fscanf(f, "%lf", &value) != 1)
            value = 0;
    if (f)
        fclose(f);
    return value;
}

/* All threads: the kernel counts nanoseconds in schedstat, while /proc/PID/stat counts ticks. */
static double cpu_us(int pid) {
    char path[300];
    double ns = 0;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    if (!tasks)
        die("no process %d", pid);
    for (struct dirent *e; (e = readdir(tasks));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.16s/schedstat", pid, e->d_name);
        ns += read_number(path, 0);
    }
    closedir(tasks);
    return ns / 1000;
}

static double resident(int pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    return read_number(path, 1) * (double)sysconf(_SC_PAGESIZE);
}

struct usage usage_of(const char *pids) {
    struct usage u = {0};
    for (char *end; pids && *pids; pids = *end ? end + 1 : end) {
        int pid = (int)strtol(pids, &end, 10);
        double us = cpu_us(pid);
        u.cpu_us += us;
        u.busiest_us = us > u.busiest_us ? us : u.busiest_us;
        u.resident += resident(pid);
    }
    return u;
}

double usage_own(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}
