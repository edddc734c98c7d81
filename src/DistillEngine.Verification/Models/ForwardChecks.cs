using DistillEngine.Core;
using DistillEngine.Model;

namespace DistillEngine.Verification;

/// <summary>Every hidden state, the logits and the losses of one forward pass, at the positions that count.</summary>
static class ForwardChecks
{
    public static void Run(T5Model model, Batch batch, PaddedBatch rows, GoldenTensors truth, GoldenJson record, CaseReport report)
    {
        GoldenJson errors = record["reference_float32_error"];
        CompareDecoderInputs(batch, rows, truth, report);
        model.Forward(batch, DropoutSettings.Off);
        var states = new Worst();
        for (int i = 0; i < model.Config.EncoderLayers; i++) SeeSource($"encoder_hidden_states.{i}", model.EncoderBlockInput(i));
        SeeSource("encoder_last_hidden_state", model.EncoderOutput);
        for (int i = 0; i < model.Config.DecoderLayers; i++) SeeTarget($"decoder_hidden_states.{i}", model.DecoderBlockInput(i));
        SeeTarget("decoder_last_hidden_state", model.DecoderOutput);
        report.Add("hidden states", states);

        var logits = new Worst();
        See(logits, "logits", model.Logits(model.DecoderOutput), TargetPositions(batch, rows),
            [rows.Rows, rows.TargetWidth, model.Config.VocabularySize]);
        report.Add("logits", logits);

        var nats = new Worst();
        See(nats, "token_losses", model.Backend.Floats(model.TokenNats), TargetPositions(batch, rows), [rows.Rows, rows.TargetWidth]);
        report.Add("token losses", nats);

        var loss = new Worst();
        loss.SeeRelative("loss", model.MeanLosses(batch).Label, record["loss"].Number, Tolerances.Loss);
        report.Add("loss", loss);

        void SeeSource(string name, Tensor value) =>
            See(states, name, model.Backend.Floats(value), SourcePositions(batch, rows),
                [rows.Rows, rows.SourceWidth, model.Config.DModel]);

        void SeeTarget(string name, Tensor value) =>
            See(states, name, model.Backend.Floats(value), TargetPositions(batch, rows),
                [rows.Rows, rows.TargetWidth, model.Config.DModel]);

        void See(Worst worst, string name, float[] got, IEnumerable<(int Row, int Column, int Packed)> positions, long[] shape)
        {
            truth.CheckShape(name, shape);
            float[] expected = truth.Floats(name);
            int width = shape.Length == 3 ? (int)shape[2] : 1;
            double largest = Compare.Largest(expected), allowed = Tolerances.Activations(errors[name].Number);
            foreach (var (row, column, packed) in positions)
            {
                int start = (row * (int)shape[1] + column) * width;
                double error = Compare.LargestDifference(got.AsSpan(packed * width, width), expected.AsSpan(start, width), out int at);
                string where = width == 1 ? $"{name}[{row}, {column}]" : $"{name}[{row}, {column}, {at}]";
                worst.See(where, Compare.Share(error, largest), allowed);
            }
        }
    }

    static void CompareDecoderInputs(Batch batch, PaddedBatch rows, GoldenTensors truth, CaseReport report)
    {
        int[] expected = truth.Integers("decoder_input_ids");
        var differences = new Differences();
        for (int r = 0; r < rows.Rows; r++)
            differences.See($"row {r}", batch.TargetInputIds.AsSpan(batch.TargetStarts[r]..batch.TargetStarts[r + 1]),
                expected.AsSpan(r * rows.TargetWidth, rows.Labels(r).Length));
        report.Add("decoder inputs", differences);
    }

    static IEnumerable<(int Row, int Column, int Packed)> SourcePositions(Batch batch, PaddedBatch rows)
    {
        for (int r = 0; r < rows.Rows; r++)
            for (int c = 0; c < batch.SourceStarts[r + 1] - batch.SourceStarts[r]; c++)
                yield return (r, c, batch.SourceStarts[r] + c);
    }

    /// <summary>Target positions whose label counts.</summary>
    static IEnumerable<(int Row, int Column, int Packed)> TargetPositions(Batch batch, PaddedBatch rows)
    {
        for (int r = 0; r < rows.Rows; r++)
            for (int c = 0; c < batch.TargetStarts[r + 1] - batch.TargetStarts[r]; c++)
                if (batch.Labels[batch.TargetStarts[r] + c] != Batch.IgnoredLabel) yield return (r, c, batch.TargetStarts[r] + c);
    }
}
