// Between the values of this folder and the messages of worker.proto.
#pragma once

#include "absl/status/statusor.h"
#include "lib/imaging/edit.h"
#include "lib/imaging/image_facts.h"
#include "lib/imaging/print_spec.h"
#include "lib/imaging/rendition.h"
#include "worker.pb.h"

namespace proofline::imaging {

wire::Edit ToWire(const Edit& edit);
wire::RenditionSpec ToWire(const RenditionSpec& spec);
// Without its PNG.
wire::Watermark ToWire(const Watermark& watermark);
wire::PrintSpec ToWire(const PrintSpec& spec);
wire::Facts ToWire(const ImageFacts& facts);

// The values may be out of range: Validate them.
Edit FromWire(const wire::Edit& edit);
RenditionSpec FromWire(const wire::RenditionSpec& spec);
Watermark FromWire(const wire::Watermark& watermark);
PrintSpec FromWire(const wire::PrintSpec& spec);
// InvalidArgument if the digest is not one or a number is out of its range.
absl::StatusOr<ImageFacts> FromWire(const wire::Facts& facts);

}  // namespace proofline::imaging
