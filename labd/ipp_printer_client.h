// The requests of the Internet Printing Protocol that the lab makes of a printer or a CUPS queue.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace proofline::lab {

// A range of sheets; sizes in 1/100 mm as IPP has them. For most both ends are the same.
struct IppMedia {
  int min_width = 0;
  int max_width = 0;
  int min_height = 0;
  int max_height = 0;
};

// What a printer says of itself. Lists are empty where it does not say.
struct IppFacts {
  enum class State { kUnknown, kIdle, kProcessing, kStopped };
  State state = State::kUnknown;
  bool accepting = true;
  std::vector<std::string> reasons;  // printer-state-reasons without "none"
  std::string message;
  std::vector<std::string> formats;
  std::vector<IppMedia> media;
  std::vector<int> margins_left, margins_right, margins_top, margins_bottom;
  std::vector<std::string> media_types;
  std::vector<std::string> print_scalings;
  std::vector<std::string> content_optimizes;
  std::vector<int> qualities;
  std::vector<int> orientations;
  int max_copies = 1;
};

// A job to make. Empty and 0 leave an attribute out.
struct IppJobRequest {
  std::string name;
  std::string format;
  int copies = 1;
  int media_width = 0;
  int media_height = 0;
  int margin_left = 0;
  int margin_right = 0;
  int margin_top = 0;
  int margin_bottom = 0;
  std::string media_type;
  std::string print_scaling;
  std::string content_optimize;
  int quality = 0;
  int orientation = 0;
  bool with_copies = false;
};

// What a printer says of a job.
struct IppJob {
  enum class State {
    kPending = 3,
    kHeld = 4,
    kProcessing = 5,
    kProcessingStopped = 6,
    kCanceled = 7,
    kAborted = 8,
    kCompleted = 9,
  };
  int id = 0;
  std::string name;
  State state = State::kPending;
  std::vector<std::string> reasons;
  std::string message;
  std::int64_t k_octets = -1;  // -1: not said
  int documents = -1;          // -1: not said
  int impressions_completed = 0;
  // time-at-processing is known: something may be on paper.
  bool began = false;
};

// How a document went.
struct IppSendResult {
  absl::Status status;
  // A byte may have reached the printer.
  bool began = false;
};

// Talks to one printer, with a connection of its own for every request and nothing repeated behind
// the caller's back. One thread at a time per object. Errors:
//   Unavailable         not reached, or no answer
//   ResourceExhausted   it answers, and takes nothing now (busy, not accepting)
//   NotFound            the printer knows no such job
//   InvalidArgument     it does not take these attributes or this format
//   FailedPrecondition  any other refusal, in the printer's words
//   Cancelled           `stop` was requested
class IppClient {
 public:
  virtual ~IppClient() = default;
  virtual absl::StatusOr<IppFacts> GetPrinter(const std::stop_token& stop) = 0;
  // The printer's number of the new job, which has no document and prints nothing yet.
  virtual absl::StatusOr<int> CreateJob(const IppJobRequest& request,
                                        const std::stop_token& stop) = 0;
  // Sends the file as the job's only document. `written` is called once, when all bytes have been
  // handed to the network and before the printer's answer is read; its error becomes the result.
  virtual IppSendResult SendDocument(int job, const std::filesystem::path& file,
                                     const std::string& format,
                                     const std::function<absl::Status()>& written,
                                     const std::stop_token& stop) = 0;
  virtual absl::StatusOr<IppJob> GetJob(int job, const std::stop_token& stop) = 0;
  // All jobs of this name that are not over.
  virtual absl::StatusOr<std::vector<IppJob>> FindJobs(const std::string& name,
                                                       const std::stop_token& stop) = 0;
  virtual absl::Status CancelJob(int job, const std::stop_token& stop) = 0;
};

// InvalidArgument for a URI that is not ipp:// or ipps:// with a host.
absl::StatusOr<std::unique_ptr<IppClient>> MakeIppClient(const std::string& uri);

inline constexpr char kIppUser[] = "proofline";

}  // namespace proofline::lab
