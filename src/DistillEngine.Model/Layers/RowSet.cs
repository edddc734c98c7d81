using DistillEngine.Core;

namespace DistillEngine.Model;

/// <summary>The packed token rows of one stack in one pass.</summary>
/// <param name="Count">Rows.</param>
/// <param name="Ids">int32 [rows]: tokens.</param>
/// <param name="Order">int32 [rows]: rows by their ids; absent where the embedding's backward needs none.</param>
/// <param name="Keys">int32 [rows]: dropout keys.</param>
/// <param name="SelfSpans">int32 [sequences, 6]: self-attention.</param>
/// <param name="CrossSpans">int32 [sequences, 6]: attention to the encoder's rows; absent in the encoder.</param>
readonly record struct RowSet(int Count, Tensor Ids, Tensor Order, Tensor Keys, Tensor SelfSpans, Tensor CrossSpans);
