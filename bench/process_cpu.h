// CPU time of running processes, read from /proc.
#pragma once

#include <sys/types.h>

namespace proofline::bench {

// User and system seconds of a process and of everything below it: living children, and dead ones
// that were waited for. In steps of the kernel's clock tick, 10 ms for each process.
double TreeCpuSeconds(pid_t root);

// Seconds of this process itself.
double OwnCpuSeconds();

// Seconds of every child of this process that has been waited for.
double FinishedChildrenCpuSeconds();

}  // namespace proofline::bench
