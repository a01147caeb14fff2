// What a worker does with a request: the whole of its work, without the process around it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/imaging/picture.h"
#include "worker.pb.h"

namespace proofline::imaging {

struct WorkerAnswer {
  wire::Reply reply;
  // One for each of reply.outputs().
  std::vector<std::string> outputs;
};

// Reads the descriptor's content once into memory, so that what is decoded is what is hashed even
// while somebody writes to the file, and answers. `second_fd` may be -1 where the
// request needs none. Every failure is in the reply.
WorkerAnswer Serve(const wire::Request& request, int fd, int second_fd, const PictureLimits& limits,
                   std::uint64_t max_file_bytes);

}  // namespace proofline::imaging
