using DistillEngine.Data.Tasks;
using DistillEngine.Teacher.Replies;

namespace DistillEngine.Teacher.Answers;

/// <summary>The majority of a row's accepted answers; equations vote by value, other labels by text. Of several labels with the same number
/// of votes, the one given first wins, and the tie is noted.</summary>
/// <remarks>Source: self-consistency, arXiv:2203.11171.</remarks>
sealed record Ballot(IReadOnlyList<ParsedSample> Agreeing, int Valid, bool IsTie)
{
    /// <summary>Null where no answer was accepted.</summary>
    public static Ballot? Count(IReadOnlyList<ParsedSample> samples, TaskCategory category)
    {
        var groups = new List<(string Key, List<ParsedSample> Samples)>();
        int valid = 0;
        foreach (var sample in samples)
        {
            if (!sample.Reply.IsOk) continue;
            valid++;
            string key = LabelKey.Of(category, sample.Reply.Label!);
            int group = groups.FindIndex(known => known.Key == key);
            if (group < 0)
            {
                group = groups.Count;
                groups.Add((key, []));
            }
            groups[group].Samples.Add(sample);
        }
        if (valid == 0) return null;
        int most = groups.Max(group => group.Samples.Count);
        var winner = groups.Find(group => group.Samples.Count == most);
        return new(winner.Samples, valid, groups.Count(group => group.Samples.Count == most) > 1);
    }
}
