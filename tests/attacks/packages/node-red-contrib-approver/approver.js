module.exports = function (RED) {
    RED.plugins.registerPlugin("approver", { type: "approver" });
};
